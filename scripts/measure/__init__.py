# SPDX-License-Identifier: Apache-2.0
"""What `otelagent compare` and scripts/bench share: processes, a collector that counts, the output
of load tools, whether the machine was quiet, tables of medians, plots and what may be said of them.
Standard library only, Python 3.8 or later."""
