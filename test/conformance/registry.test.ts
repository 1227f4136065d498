import { join } from 'node:path';
import { type ServeOptions, type Serving, serve } from '../../src/index.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { PULLED_CASES, savePulledImage } from './pulled-image.js';
import { assertPassed, buildSuite, type Case, EVERY_OPTION, runSuite } from './suite.js';

describe('the conformance suite of the distribution specification', () => {
  let program: string;
  let serving: Serving | undefined;
  before(async function () {
    program = await buildSuite(this);
  });
  afterEach(async () => {
    await serving?.close();
    serving = undefined;
  });

  const serveLayout = async (name: string, options: ServeOptions = {}): Promise<number> => {
    const layout = join(await temporaryFolder(name), 'layout');
    serving = await serve(layout, { port: 0, writable: true, ...options });
    return serving.port;
  };

  it('passes with every option on a layout that takes pushes, and sparse indexes', async () => {
    const port = await serveLayout('sparse', { push: { allowSparse: true } });
    const cases = await runSuite(program, { port, ...EVERY_OPTION, OCI_DATA_SPARSE: 'true' });
    assertPassed(cases, 982);
  });

  it('passes with every option on a layout that takes pushes, but for sparse images', async () => {
    const port = await serveLayout('pushed');
    const cases = await runSuite(program, { port, ...EVERY_OPTION, OCI_DATA_SPARSE: 'true' });
    // The group, and so the whole, has failed where a part of it has.
    const isOfSparse = ({ name }: Case) => name === '' || name.split('/')[0] === 'sparse';
    assertPassed(
      cases.filter((each) => !isOfSparse(each)),
      939,
    );
  });

  it('passes what is asked of a registry that takes nothing, on an archive', async () => {
    const { archive, settings } = await savePulledImage();
    serving = await serve(archive, { port: 0 });
    assertPassed(await runSuite(program, { port: serving.port, ...settings }), PULLED_CASES);
  });
});
