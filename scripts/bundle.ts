/** Bundles the three programs into one file each, with esbuild. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const require = createRequire(import.meta.url)
export const root = join(import.meta.dirname, '..')

/** Program name -> entry point. */
export const programs = {
  'bramble-control-plane': 'control-plane/main.ts',
  'bramble-node-agent': 'node-agent/main.ts',
  'bramble': 'control-plane/cli/main.ts',
} as const
export type Program = keyof typeof programs

/** What `shared/host/memory-return.ts` needs: `gc()`, and no word about `node:ffi` being experimental. */
const givingBack = ['--expose-gc', '--disable-warning=ExperimentalWarning']

/**
 * V8 flags of each program, however it is started (`up`, single executables): heap limits that fit a 1 GB board, since V8 otherwise sizes
 * itself for the machine.
 */
export const heapFlags: Readonly<Record<Program, readonly string[]>> = {
  'bramble-control-plane': ['--max-semi-space-size=2', '--max-old-space-size=256', ...givingBack],
  'bramble-node-agent': ['--max-semi-space-size=1', '--max-old-space-size=128', ...givingBack],
  'bramble': [],
}

/**
 * For malloc of the same programs. glibc gives every thread an arena, and takes a block that was freed as a reason to keep all like it: after a hundred streams a process holds
 * a hundred megabytes that it has no use for. One arena and a fixed threshold give them back.
 */
export const mallocEnv = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: String(128 << 10), MALLOC_TRIM_THRESHOLD_: String(128 << 10) } as const

/**
 * sqlite3 finds its addon with `bindings`, which searches folders; a bundle has none. Inside a single executable the addon is an
 * asset, written to a private file for as long as the dynamic linker needs it; elsewhere it is the file that npm built.
 */
const addon: Plugin = {
  name: 'sqlite3-addon',
  setup(b) {
    b.onResolve({ filter: /^bindings$/ }, () => ({ path: 'bindings', namespace: 'sqlite3-addon' }))
    b.onLoad({ filter: /.*/, namespace: 'sqlite3-addon' }, () => ({
      resolveDir: root,
      contents: `
        const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
        const { createRequire } = require('node:module')
        const { tmpdir } = require('node:os')
        const { join } = require('node:path')
        const sea = require('node:sea')
        module.exports = () => {
          if (!sea.isSea()) return createRequire(__filename)(process.env.BRAMBLE_SQLITE3_ADDON || ${JSON.stringify(join(require.resolve('sqlite3/package.json'), '../build/Release/node_sqlite3.node'))})
          const dir = mkdtempSync(join(tmpdir(), 'bramble-'))
          const file = join(dir, 'node_sqlite3.node')
          writeFileSync(file, Buffer.from(sea.getRawAsset('node_sqlite3.node')), { mode: 0o700 })
          const loaded = createRequire(file)(file)
          rmSync(dir, { recursive: true })
          return loaded
        }`,
    }))
  },
}

/** Bundles one program; returns the file. CommonJS, since that is what a single executable runs and loads fastest. */
export async function bundle(program: Program, outDir: string, version: string): Promise<string> {
  const outfile = join(outDir, `${program}.cjs`)
  await build({
    entryPoints: [join(root, programs[program])], outfile, bundle: true, platform: 'node', target: 'node26', format: 'cjs', minify: true, keepNames: false, legalComments: 'none',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '""', 'process.env.BRAMBLE_VERSION': JSON.stringify(version) },
    loader: { '.json': 'json' }, external: ['bufferutil', 'utf-8-validate'], plugins: [addon], absWorkingDir: root, logLevel: 'warning',
  })
  return outfile
}
