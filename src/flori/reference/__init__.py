"""The equations as code: every formula written out literally, one loop for each sum, in float64.

Made to be read beside the book, and to be the oracle of the tests; speed is not wanted here.
`flori show NAME --equation` prints the file of a system.
"""
