"""What the child process of the executor `python` runs.

It stands alone: the standard library, and nothing of ours.
"""

import importlib
import json
import os
import sys


def main() -> None:
    call = json.load(sys.stdin)
    sys.path[:0] = call["folders"]
    module, _, name = call["callable"].rpartition(".")
    function = getattr(importlib.import_module(module), name)
    value = function(call["brief"], **call["slots"])
    with os.fdopen(call["answer"], "w") as answer:
        json.dump(value, answer, default=str)


if __name__ == "__main__":
    main()
