import { createBasicAuthorization } from '../../src/server/access/authorization.js';
import type { MadeImage } from './images.js';
import { serveWritable, type WritableServed } from './writable-server.js';

/** A registry with a single user, which records all logins that it gets. */
export interface PrivateRegistry extends WritableServed {
  /** The logins that were sent, without repetitions: `user:password`. */
  shown: Set<string>;
  /** Stores an image under a tag, without a password. */
  put(repository: string, tag: string, image: MadeImage): Promise<void>;
}

export async function startPrivateRegistry(user: string, password: string): Promise<PrivateRegistry> {
  const shown = new Set<string>();
  let isOpen = true;
  const users = new Map([[user, password]]);
  const basic = createBasicAuthorization(users, { compare: async (given, kept) => given === kept });
  const served = await serveWritable(
    {},
    {
      authorization: {
        async authorize(header, client) {
          if (isOpen) return user;
          if (header !== undefined) shown.add(Buffer.from(header.split(' ')[1] ?? '', 'base64').toString());
          return basic.authorize(header, client);
        },
      },
    },
  );
  isOpen = false;
  return {
    ...served,
    shown,
    async put(repository, tag, { all, manifest }) {
      isOpen = true;
      await served.pushAll(all, repository);
      await served.pushManifest(manifest, tag, repository);
      isOpen = false;
    },
  };
}
