# SPDX-License-Identifier: Apache-2.0
"""What redis-py is made to ask. usage: calls.py PORT PASSWORD SESSION"""

import sys

import redis

port, password, session = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def connect():
    return redis.Redis(port=port, password=password, db=1)


client = connect()
print(client.set("user:42", "hunter"))
print(client.get("user:42"))
try:
    client.lpush("user:42", "hunter")
except redis.ResponseError as error:
    print(error)
print(client.pipeline(transaction=False).get("a").get("b").execute())
print(client.pipeline(transaction=False).set("a", "hunter").execute_command("INCR", "n")
      .execute())
print(client.pipeline().set("a", "hunter").execute_command("INCR", "n").execute())
channel = client.pubsub()
channel.subscribe("news")
print(channel.get_message(timeout=10))
print(connect().publish("news", "hunter"))
print(channel.get_message(timeout=10))
print(client.get(f"PHPREDIS_SESSION:{session}"))
print(len(client.execute_command("ECHO", "hunter" * 100000)))
