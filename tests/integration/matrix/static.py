# SPDX-License-Identifier: Apache-2.0
"""Programs of C and Rust: what serves files, forwards, or is written here."""

PROGRAMS = []
