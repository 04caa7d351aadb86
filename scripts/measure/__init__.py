# SPDX-License-Identifier: Apache-2.0
"""What `otelagent compare` and scripts/bench share: processes, a collector that counts, the output
of load tools, and tables of medians. Standard library only, Python 3.7 or later."""
