import { createRequire } from 'node:module';

const { resolve } = createRequire(import.meta.url);

/**
 * The font of every export, so that none depends on what is installed: Arimo has the widths of Helvetica, in which
 * draw.io and the layout measure. Paths of TrueType files.
 */
export const fontFiles = {
  family: 'Arimo',
  regular: resolve('@expo-google-fonts/arimo/400Regular/Arimo_400Regular.ttf'),
  bold: resolve('@expo-google-fonts/arimo/700Bold/Arimo_700Bold.ttf'),
} as const;
