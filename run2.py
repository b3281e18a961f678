import sys, pytest
import tests.runs.processes as p
p.PATIENCE = 1500.0
sys.exit(pytest.main(["tests/tuning/test_crossval.py", "--tb=short", "-q", "-k", "killed or pictures or pairs or sentences", "--durations=8"]))
