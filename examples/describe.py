"""Read what ``n1codec stats`` says of recordings into Python: ``python examples/describe.py FOLDER``"""

import json
import subprocess
import sys

command = [sys.executable, "-m", "n1codec", "stats", sys.argv[1], "--json"]
total = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["total"]
print(f"{total['files']} files, {total['seconds']:g} s, {total['channels']} channel(s) at {total['rate']:g} Hz")
print(f"standard deviation {total['sd']:.1f}, entropy of a sample {total['entropy_0']:.3f} bits")
print(f"a sample given the one before it: {total['entropy_1']:.3f} bits; spikes: {total['spike_rate']:.1f} a second")
