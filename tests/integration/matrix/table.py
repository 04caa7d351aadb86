# SPDX-License-Identifier: Apache-2.0
"""All programs of the matrix. A family is a module with a list PROGRAMS."""

from matrix import java, javascript, php, python, ruby, static

PROGRAMS = [*static.PROGRAMS, *python.PROGRAMS, *javascript.PROGRAMS, *php.PROGRAMS,
            *ruby.PROGRAMS, *java.PROGRAMS]
