import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** Emits the theme script as a hashed file and puts it first in the head, so that it runs before the first paint. */
function themeScript() {
  let reference;
  return {
    name: 'theme-script',
    apply: 'build',
    buildStart() {
      reference = this.emitFile({
        type: 'asset',
        name: 'theme.js',
        source: readFileSync(new URL('src/theme.js', import.meta.url), 'utf8'),
      });
    },
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const file = Object.values(bundle ?? {}).find((item) => item.names?.includes('theme.js'));
        if (!file || !reference) throw new Error('the theme script is not in the bundle');
        return html.replace('<!-- theme -->', `<script src="/console/${file.fileName}"></script>`);
      },
    },
  };
}

export default defineConfig({
  base: '/console/',
  publicDir: false,
  plugins: [themeScript()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    manifest: false,
  },
  server: { proxy: { '^/(?!console|@|src|node_modules).*': 'http://127.0.0.1:8080' } },
});
