"""Where a study is kept: an SQLite file in its folder, or a database that several machines reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from filelock import FileLock

from flori.core.errors import UserError


class Unreachable(UserError):
    """No other settings would mend it: the database that keeps the study does not answer."""


TABLES = 0x666C6F7269  # what those who make the tables of a PostgreSQL database lock: "flori"
WAIT = 60  # seconds for a file that another worker writes


def open_storage(url: str) -> Any:
    """optuna's storage behind an address. Raises UserError where it names no database or none answers there."""
    optuna, _ = _libraries()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    address = _address(url)
    options = _options(address)
    with reaching(url):
        _knock(address)
        with turns(url), _alone(address):  # several workers may be about to make the tables
            return optuna.storages.RDBStorage(address.render_as_string(hide_password=False), options)


def check(url: str | None) -> None:
    """Raise UserError where studies cannot be kept at an address, before anything is written; None: in a file of our
    own."""
    _libraries()
    if url is not None:
        address = _address(url)
        with reaching(url):
            _knock(address)


def turns(url: str) -> AbstractContextManager[Any]:
    """Within it no other worker changes the study: SQLite cannot lock a single row, as larger databases do."""
    address = _address(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        return nullcontext()
    return FileLock(f"{address.database}.lock")


def shown(url: str) -> str:
    """The address without its password."""
    return _named(_address(url))


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turns what a database that is away or full says into a UserError."""
    optuna, sqlalchemy = _libraries()
    try:
        yield
    except optuna.exceptions.UpdateFinishedTrialError:
        raise
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as problem:
        cause = problem.__cause__ if isinstance(problem, optuna.exceptions.StorageInternalError) else problem
        said = str(getattr(cause, "orig", None) or cause).strip().splitlines() or [type(cause).__name__]
        raise Unreachable(f"the study at {shown(url)} cannot be reached: {said[0]}") from None


def _libraries() -> tuple[Any, Any]:
    try:
        import optuna
        import sqlalchemy
    except ImportError:
        raise UserError("flori tune needs optuna: pip install 'flori[tune]'") from None
    return optuna, sqlalchemy


def _address(url: str) -> Any:
    """The parsed address; PostgreSQL by the driver that flori[tune] brings, unless another is named."""
    _, sqlalchemy = _libraries()
    known = "--storage wants the address of a database, as in postgresql+psycopg://user:password@host/name"
    try:
        address = sqlalchemy.engine.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        raise UserError(f"{known}, or sqlite:///study.db") from None
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise UserError(f"{_named(address)} is a study that ends with its process; {known}, or sqlite:///study.db")
    return address


def _named(address: Any) -> str:
    """A parsed address without its password."""
    return str(address.render_as_string(hide_password=True))


def _options(address: Any) -> dict[str, Any]:
    waiting = {"timeout": WAIT} if address.get_backend_name() == "sqlite" else {"connect_timeout": 10}
    return {"connect_args": waiting, "pool_pre_ping": True}


@contextmanager
def _alone(address: Any) -> Iterator[None]:
    """Within it no other worker is, of those who share a PostgreSQL database."""
    _, sqlalchemy = _libraries()
    if address.get_backend_name() != "postgresql":
        yield
        return
    engine = sqlalchemy.create_engine(address, **_options(address))
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"select pg_advisory_xact_lock({TABLES})"))
            yield
    finally:
        engine.dispose()


def _knock(address: Any) -> None:
    """One connection, to fail at once where nobody answers."""
    _, sqlalchemy = _libraries()
    try:
        engine = sqlalchemy.create_engine(address, **_options(address))
    except (sqlalchemy.exc.NoSuchModuleError, ImportError) as problem:
        raise UserError(f"{_named(address)}: no driver for this database is installed ({problem})") from None
    try:
        engine.connect().close()
    finally:
        engine.dispose()
