"""placeholder"""


def page(summary, suite, records):
    return "<!doctype html>"
