# SPDX-License-Identifier: Apache-2.0
"""Says a secret wherever a value can stand, at the right place and at wrong ones, and prints how each
answer begins. usage: secrets.py PORT SECRET"""

import socket
import sys

SECRET = sys.argv[2]
# A % is the secret.
COMMANDS = """
AUTH %|AUTH joe %|aUtH %|HELLO 3 AUTH joe % SETNAME n|hello 2
ACL SETUSER joe on >% ~* +@all|ACL GETUSER %|acl deluser %|ACL DRYRUN % get x
CONFIG SET masterauth %|config set masterauth %|CONFIG SET masteruser % maxmemory 0|CONFIG GET %
MIGRATE 127.0.0.1 1 k 0 10 AUTH %|MIGRATE 127.0.0.1 1 k 0 10 AUTH2 joe %
CLIENT SETNAME %|CLIENT KILL USER %|CLIENT NO-EVICT %|CLIENT TRACKING %|CLIENT REPLY %
EVAL % 0|EVAL return(1) 0 %|EVAL return(1) 1 k %|EVAL return(1) % %|EVALSHA % 0
EVAL return({err="%"}) 0|EVAL return(redis.error_reply("%")) 0|EVAL error("%") 0
SCRIPT LOAD %|FUNCTION LOAD %|SENTINEL SET mymaster auth-pass %|REPLICAOF % %|CLUSTER MEET % 1
SET k %|SET k v %|SET k v EX %|GETEX k %|SORT k BY % GET %|SETEX k 5 %|GETSET k %|APPEND k %
LPUSH l %|LINSERT l BEFORE % %|LPOS l %|HSET h f %|HSET h f v %|HMSET h a b %|MSET a b %|MSETNX a b %
ZADD z 1 %|ZADD z NX 1 % 2 %|XADD x * f %|XADD x * f v %|XADD x MAXLEN % * f v
XREAD COUNT % STREAMS x %|PUBLISH c %|GEOADD g 1 2 %|BITFIELD k SET u8 % %|RESTORE k 0 %
SELECT %|SWAPDB % %|MOVE k %|OBJECT %|OBJECT % %|DEBUG JMAP %|COMMAND GETKEYS AUTH %|MODULE LOAD % %
PING %|ECHO %|WAIT % %|SCAN 0 MATCH %|MEMORY USAGE k % %|SLOWLOG GET %|LATENCY RESET %|FAILOVER TO % 1
nosuch %|JSON.SET doc $ %|%|% x|GET token:%|GET user_session:%|GET auth-%|DEL %%
MULTI|AUTH %|CONFIG SET masterauth %|SET k v %|EXEC|MULTI|%|EXEC
"""


def command(*words):
    words = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        self.lines = self.socket.makefile("rb")

    def take(self):
        """A reply, whole; how it begins."""
        line = self.lines.readline()
        if line[:1] in b"*%~>":
            for _ in range(max(0, int(line[1:])) * (2 if line[:1] == b"%" else 1)):
                self.take()
        elif line[:1] in (b"$", b"=") and int(line[1:]) >= 0:
            self.lines.read(int(line[1:]) + 2)
        return line[:1].decode()

    def ask(self, *pieces, answers=1):
        for piece in pieces:
            self.socket.sendall(piece)
        return "".join(self.take() for _ in range(answers))


client = Client()
for line in filter(None, COMMANDS.replace("\n", "|").split("|")):
    print(line, client.ask(command(*line.replace("%", SECRET).split(" "))))
auth = command("AUTH", "joe", SECRET)
print("pieces", client.ask(*(auth[i:i + 1] for i in range(len(auth)))))
print("pipeline", client.ask(auth + command("GET", "a") + command("SET", "a", SECRET), answers=3))
print("inline", client.ask(f"  auth '{SECRET}'\r\n".encode()))
print("inline", client.ask(f'SET a "{SECRET} x"\r\n'.encode()))
print("long", client.ask(command("AUTH", "x" * 5000 + SECRET)))
