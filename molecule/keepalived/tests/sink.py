"""Runs on a host: takes mails on port 2525 and appends them to /run/mail."""

import socket
from pathlib import Path

server = socket.create_server(("", 2525))
while True:
    peer, _ = server.accept()
    stream = peer.makefile("rwb")
    stream.write(b"220 sink\r\n")
    stream.flush()
    body = False
    for line in stream:
        word = line.strip().upper()
        if body and line.strip() != b".":
            with Path("/run/mail").open("ab") as mail:
                mail.write(line)
            continue
        body = word == b"DATA"
        stream.write(b"354 go on\r\n" if body else b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        stream.flush()
    peer.close()
