import type { Platform } from '../../content/platform.js';
import type { ImageConfig } from '../config.js';
import type { GoStruct } from '../json/go-json.js';

/** What an image runs on, as an index states it; undefined where its config leaves that out. */
export function platformOf(config: ImageConfig): Platform | undefined {
  const { os, architecture, variant } = config;
  if (architecture === '') return undefined;
  const version = config['os.version'];
  const features = config['os.features'];
  return {
    architecture,
    os,
    ...(version === undefined ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
    ...(variant === undefined ? {} : { variant }),
  };
}

/** A platform as an index writes it, its members in the specification's order. (image-spec, image-index.md) */
export function platformStruct(platform: Platform): GoStruct {
  const { architecture, os, variant } = platform;
  const version = platform['os.version'];
  const features = platform['os.features'];
  return { architecture, os, 'os.version': version, 'os.features': features, variant };
}
