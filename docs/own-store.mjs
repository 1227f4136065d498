// A store of one's own in fifty lines: a folder with a file for each piece of content, and an index of what it is called.
// Run it with an archive that is there, and two names: node own-store.mjs ARCHIVE FOLDER NEW-ARCHIVE
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  attachedTag,
  attachedTo,
  copyImages,
  isManifest,
  LadingError,
  parseManifest,
  readVerified,
  verified,
} from 'lading';

/** The images in a folder, as a `Store`: this is all that lading asks of one. */
export async function openFolder(folder) {
  await mkdir(folder, { recursive: true });
  const fileOf = ({ digest }) => join(folder, digest.replace(':', '-'));
  const sizeOf = async (content) => (await stat(fileOf(content)).catch(() => undefined))?.size;
  const indexFile = join(folder, 'index.json');
  const saved = await readFile(indexFile, 'utf8').catch(() => '{"manifests":{},"names":{},"attached":[]}');
  const index = JSON.parse(saved);
  const save = () => writeFile(indexFile, JSON.stringify(index));
  const attach = (attached) => attached && index.attached.push(attached);
  let pushes = 0;
  const notFound = (what) => new LadingError('NOT_FOUND', `${what} is not in ${folder}`);

  return {
    location: folder,
    isLocal: true,
    sizeOf,
    async resolve(reference) {
      const found = index.names[reference] ?? index.manifests[reference];
      if (found === undefined) throw notFound(reference);
      return found;
    },
    async fetch(content, { start = 0 } = {}) {
      if ((await sizeOf(content)) === undefined) throw notFound(content.digest);
      return createReadStream(fileOf(content), { start });
    },
    async *names() {
      for (const [name, descriptor] of Object.entries(index.names)) yield { name, descriptor };
    },
    async *referrers({ digest }) {
      for (const { subject, referrer } of index.attached) if (subject === digest) yield referrer;
    },
    /** Content is verified while it is written beside its place, and renamed: it is there whole or not at all. */
    async push(descriptor, open, { onBytes, signal } = {}) {
      if ((await sizeOf(descriptor)) === descriptor.size) return;
      const part = `${fileOf(descriptor)}.${pushes++}`;
      if (isManifest(descriptor.mediaType)) {
        const bytes = await readVerified(descriptor, open, { signal });
        await writeFile(part, bytes);
        if (!(descriptor.digest in index.manifests))
          attach(attachedTo(descriptor, parseManifest(bytes, descriptor)));
        index.manifests[descriptor.digest] = descriptor;
        await save();
      } else {
        const check = (content) => verified(descriptor, content);
        await pipeline(await open({ signal }), check, createWriteStream(part), { signal });
      }
      await rename(part, fileOf(descriptor));
      onBytes?.(descriptor.size, 'fetched');
    },
    async tag(descriptor, name) {
      if ((await sizeOf(descriptor)) === undefined) throw notFound(descriptor.digest);
      index.names[name] = descriptor;
      attach(attachedTag(descriptor, name)); // by a tag of cosign's
      await save();
    },
    async close() {},
  };
}

const [, program, archive, folder, copy] = process.argv;
if (program === import.meta.filename) {
  const store = await openFolder(folder);
  const { images } = await copyImages({ source: archive, destination: store });
  for (const { name, digest } of images) console.log(`${name}  ${digest}`);
  await copyImages({ source: store, destination: copy });
}
