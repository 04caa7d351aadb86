# SPDX-License-Identifier: Apache-2.0
# The matrix's application for Rack servers: puma.
require 'digest/sha1'
require 'zlib'

PATH = ENV.fetch('MATRIX_FILE')
PIECE = 65_536
PERIOD = (0...251).to_a.pack('C*')
KIND = { 'Content-Type' => 'application/octet-stream' }.freeze

def content(count)
  (PERIOD * (count / PERIOD.bytesize + 1)).byteslice(0, count)
end

# A body that is made while it is sent.
class Pieces
  def initialize(whole)
    @whole = whole
  end

  def each
    (0...@whole.bytesize).step(PIECE) { |at| yield @whole.byteslice(at, PIECE) }
  end
end

# The same from a file.
class FilePieces
  def each
    File.open(PATH, 'rb') do |file|
      while (piece = file.read(PIECE))
        yield piece
      end
    end
  end
end

def answer(code, body)
  [code, KIND.merge('Content-Length' => body.bytesize.to_s), [body]]
end

def status(code)
  return [code, {}, []] if [204, 304].include?(code)

  answer(code, "status #{code}\n")
end

def echo(input)
  length = 0
  crc = 0
  while (piece = input.read(PIECE))
    length += piece.bytesize
    crc = Zlib.crc32(piece, crc)
  end
  answer(200, format("%d %08x\n", length, crc))
end

# The connection is the application's from here on.
def upgrade(env)
  accept = Digest::SHA1.base64digest(
    "#{env['HTTP_SEC_WEBSOCKET_KEY']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
  socket = env['rack.hijack'].call
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
               "Connection: Upgrade\r\nSec-WebSocket-Accept: #{accept}\r\n\r\n")
  loop { socket.write(socket.readpartial(PIECE)) }
rescue EOFError, Errno::ECONNRESET, Errno::EPIPE
  [200, {}, []]
ensure
  socket&.close
end

run(lambda do |env|
  _, name, argument = env['PATH_INFO'].split('/')
  case name
  when 'status' then status(argument.to_i)
  when 'bytes' then answer(200, content(argument.to_i))
  when 'chunked' then [200, KIND.dup, Pieces.new(content(argument.to_i))]
  when 'echo' then echo(env['rack.input'])
  when 'file' then [200, KIND.merge('Content-Length' => File.size(PATH).to_s), FilePieces.new]
  when 'upgrade' then upgrade(env)
  else answer(404, "status 404\n")
  end
end)
