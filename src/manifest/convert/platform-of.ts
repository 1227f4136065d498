import type { Platform } from '../../content/platform.js';
import type { ImageConfig } from '../config.js';
import type { GoStruct } from '../json/go-json.js';

/** Returns the platform of an image from its config, or undefined if the config has none. */
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

/** Returns a platform with its members in the order of the specification. (image-spec, image-index.md) */
export function platformStruct(platform: Platform): GoStruct {
  const { architecture, os, variant } = platform;
  const version = platform['os.version'];
  const features = platform['os.features'];
  return { architecture, os, 'os.version': version, 'os.features': features, variant };
}
