import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface SocksServer {
  /** `127.0.0.1:PORT` */
  host: string;
  /** The requested names and ports, such as `reg.invalid:443`. */
  asked: string[];
  /** The users that have logged in. */
  users: string[];
  close(): Promise<void>;
}

/**
 * Starts a SOCKS 5 proxy that connects to the same place for every request, or to that of the name and port that are
 * asked for. (RFC 1928; RFC 1929)
 */
export async function startSocksServer(
  target: { port: number } | ((asked: string) => { port: number }),
  login?: { user: string; password: string },
): Promise<SocksServer> {
  const asked: string[] = [];
  const users: string[] = [];
  const sockets = new Set<Socket>();

  async function negotiate(socket: Socket): Promise<void> {
    const read = createReader(socket);
    const [, methods = 0] = await read(2);
    const offered = await read(methods);
    const method = login === undefined ? 0 : 2;
    socket.write(Buffer.from([5, offered.includes(method) ? method : 0xff]));
    if (login !== undefined) {
      const [, userBytes = 0] = await read(2);
      const user = (await read(userBytes)).toString();
      const [passwordBytes = 0] = await read(1);
      const password = (await read(passwordBytes)).toString();
      const isRight = user === login.user && password === login.password;
      socket.write(Buffer.from([1, isRight ? 0 : 1]));
      if (!isRight) return void socket.end();
      users.push(user);
    }
    const [, , , type] = await read(4);
    const name = await readAddress(type, read);
    const place = `${name}:${(await read(2)).readUInt16BE()}`;
    asked.push(place);
    const { port } = typeof target === 'function' ? target(place) : target;
    const inner = connect(port, '127.0.0.1');
    sockets.add(inner);
    await once(inner, 'connect');
    socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    inner.on('error', () => socket.destroy()).pipe(socket);
    socket.pipe(inner);
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    negotiate(socket).catch(() => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : address}`,
    asked,
    users,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Read = (bytes: number) => Promise<Buffer>;

/** Reads a given number of bytes at a time, independent of the chunks they arrive in. */
function createReader(socket: Socket): Read {
  return async (bytes) => {
    if (bytes === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk: unknown = socket.read(bytes);
      if (Buffer.isBuffer(chunk)) return chunk;
      if (socket.readableEnded) throw new Error('the client has left');
      await once(socket, 'readable');
    }
  };
}

async function readAddress(type: number | undefined, read: Read): Promise<string> {
  if (type === 1) return [...(await read(4))].join('.');
  if (type === 4) return (await read(16)).toString('hex');
  const [length = 0] = await read(1);
  return (await read(length)).toString();
}
