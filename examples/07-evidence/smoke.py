"""Opens the shop at each address of the new version: exit status 0 passes, 75 cannot tell, any other fails."""

import os
import sys
import urllib.request

from clients import address

for name in os.environ["ROLLOUT_ADDRESSES"].split(","):
    try:
        with urllib.request.urlopen(f"http://{address(name, os.environ['DNS'])}:8080/", timeout=5) as answer:
            sys.stdout.write(f"{answer.status} {answer.reason}\n")
    except OSError as error:
        sys.exit(f"http://{name}:8080/: {error}")
