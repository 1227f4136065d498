/** Writes tars: folders come before what is in them, all have the same time, and owners are numbers. */
import { pack } from 'tar-stream';

/**
 * Returns a tar of files by their paths: `bytes` of a file, `target` of a symbolic link, or `mode` alone of a folder
 * that has another mode than 0755; `owner` is a number, default root. `prefix` stands before each path; `time` is 1970 by
 * default.
 */
export async function tarOf(files, { prefix = '', time = new Date(0) } = {}) {
  const tar = pack();
  const chunks = [];
  const collected = (async () => {
    for await (const chunk of tar) chunks.push(chunk);
  })();
  for (const [path, file] of withFolders(files)) {
    const { bytes, target, mode = 0o755, owner = 0 } = file;
    const header = { mode, uid: owner, gid: owner, mtime: time };
    if (owner === 0) Object.assign(header, { uname: 'root', gname: 'root' });
    if (target !== undefined)
      tar.entry({ ...header, mode: 0o777, name: prefix + path, type: 'symlink', linkname: target });
    else if (bytes === undefined) tar.entry({ ...header, name: `${prefix}${path}/`, type: 'directory' });
    else tar.entry({ ...header, name: prefix + path }, bytes);
  }
  tar.finalize();
  await collected;
  return Buffer.concat(chunks);
}

/** The files in their order, each after the folders that it is in. */
function withFolders(files) {
  const all = new Map();
  for (const [path, file] of files) {
    for (const folder of parentsOf(path)) if (!all.has(folder)) all.set(folder, files.get(folder) ?? {});
    all.set(path, file);
  }
  return all;
}

function parentsOf(path) {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, place) => parts.slice(0, place + 1).join('/'));
}
