# SPDX-License-Identifier: Apache-2.0
"""What pylibmc (libmemcached) is made to ask. usage: calls_pylibmc.py PORT SESSION"""

import sys

import pylibmc

port, session = sys.argv[1], sys.argv[2]
client = pylibmc.Client([f"127.0.0.1:{port}"], behaviors={"tcp_nodelay": True})
print(client.set("user:42", "hunter"))
print(client.get("user:42"), client.get("none"))
print(sorted(client.get_multi(["user:42", "none", "a"])))
print(client.add("user:42", "hunter"), client.replace("user:42", "hunter"))
print(client.append("user:42", "hunter"), client.prepend("user:42", "hunter"))
print(client.set("n", 1), client.incr("n", 5), client.decr("n", 2))
print(client.touch("n", 100), client.delete("n"), client.delete("n"))
print(client.get(f"session:{session}"))
print(client.set("big", "hunter" * 100000), len(client.get("big")))
print(client.flush_all())
