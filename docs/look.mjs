// What is in an archive, and a registry of it for a moment: node look.mjs ARCHIVE
import { inspect, openSource, parseReference, serve } from 'lading';

const [archive] = process.argv.slice(2);
const source = await openSource(archive); // also docker://…, oci:DIR, docker-daemon:NAME, or a store of your own
try {
  const { images } = await inspect(source);
  for (const { name, platforms } of images) {
    console.log(name, parseReference(name));
    for (const { os, architecture, layers } of platforms)
      console.log(`  ${os}/${architecture}: ${layers.map(({ size }) => size).join(' + ')} bytes`);
  }
} finally {
  await source.close();
}

const server = await serve(archive, { port: 0 });
const response = await fetch(`http://127.0.0.1:${server.port}/v2/_catalog`);
console.log(await response.json());
await server.close();
