# SPDX-License-Identifier: Apache-2.0
"""All programs of the matrix. A family is a module with a list PROGRAMS."""

from matrix import static

PROGRAMS = [*static.PROGRAMS]
