// A copy in its parts, with a look at what comes before the first byte is written: node by-hand.mjs ARCHIVE NEW-ARCHIVE
import { copyImages, createMemoryStore, openDestination, openSource, requestsOf, transfer } from 'lading';

const [from, to] = process.argv.slice(2);
const source = await openSource(from);
const destination = await openDestination(to, { format: 'oci-archive' });
try {
  const requests = await requestsOf(source);
  console.log(requests.map(({ name }) => name));
  const { images } = await transfer(requests, destination, {
    onChecked: (placed) => console.log(`${placed.length} images will be written`),
  });
  console.log(`${images.length} were written`);

  // The same in one call, into the memory of this process.
  const copied = await copyImages({ source, destination: createMemoryStore() });
  console.log(copied.images.map(({ digest }) => digest.slice(0, 19)));
} finally {
  await destination.close();
  await source.close();
}
