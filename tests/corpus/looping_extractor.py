"""Stand-ins for an extractor's worst pages, run by the time limit's real child process."""

import os
import re
import time


def extract(page: str) -> str:
    if page == "loop":
        re.match(r"(a+)+$", "a" * 64 + "b")  # C code that never gives Python its turn back
    if page == "sleep":
        time.sleep(3600)
    if page == "crash":
        os.abort()
    if page == "raise":
        raise ValueError("odd page")
    if page == "print":
        print("not a reply")
    return page.upper()
