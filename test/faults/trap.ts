import { type Asked, type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';

/** Another origin that has all that the registry has, and must never learn who asks. */
export interface Trap extends FaultProxy {
  /** Requests that came with a credential: what must not be. */
  leaked: string[];
}

export async function startTrap(upstream: string): Promise<Trap> {
  const leaked: string[] = [];
  const proxy = await startFaultProxy(upstream, ({ method, path, headers }) => {
    const { authorization, cookie } = headers;
    if (authorization !== undefined || cookie !== undefined) leaked.push(`${method} ${path}`);
    return undefined;
  });
  return Object.assign(proxy, { leaked });
}

/** Lets in who shows the password, and then does this. */
export function behindPassword(spoil: (asked: Asked) => Fault | undefined): FaultProxy['faultFor'] {
  return (asked) =>
    asked.headers.authorization === undefined
      ? { answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } } }
      : spoil(asked);
}

export function redirectTo({ host }: Trap): (asked: Asked) => Fault {
  return ({ path }) => ({
    answer: {
      status: 307,
      headers: { location: `http://${host}${path}`, 'set-cookie': 'session=secret' },
    },
  });
}
