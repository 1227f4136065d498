// The way of images across the gap, as a program: node across.mjs REGISTRY IMAGE...
import { isLadingError, load, save, verify } from 'lading';

const [registry, ...images] = process.argv.slice(2);
try {
  const saved = await save({
    images,
    output: 'across.tar',
    platforms: ['linux/amd64'],
    onEvent(event) {
      if (event.type === 'planned') console.log(`${event.blobs} blobs, ${event.bytes} bytes`);
      if (event.type === 'retrying') console.log(`${event.what}: again in ${event.delayMs} ms`);
      if (event.type === 'warning') console.log(`warning: ${event.message}`);
    },
  });
  console.log(`saved ${saved.images.map(({ name }) => name).join(', ')}`);

  const { ok, checked, findings } = await verify('across.tar');
  console.log(`verified ${checked.blobs} blobs: ${ok ? 'all right' : findings[0].message}`);

  const loaded = await load({ input: 'across.tar', destination: registry });
  for (const { name, pushed } of loaded.images) console.log(`${name} is ${pushed}`);
} catch (error) {
  // Every error that a user can meet has a code, and often a hint and a remedy to compare.
  if (!isLadingError(error)) throw error;
  console.log(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
