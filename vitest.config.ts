import { defineConfig } from 'vitest/config'

/**
 * unit: pure, no process, port or container. integration (`*.int.test.ts`): real sockets, SQLite files, daemons on private sockets.
 * e2e: whole programs, real kubectl and containers. The last two run one file at a time: they share a kernel.
 * `interopDefault: false`: a CommonJS module's default export is what it is for Node itself.
 */
const deps = { interopDefault: false }

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', deps, include: ['{shared,control-plane,node-agent,firmware-images,scripts,test}/**/*.test.ts'], exclude: ['**/*.int.test.ts', 'test/e2e/**', '**/node_modules/**'] } },
      { test: { name: 'integration', deps, include: ['{shared,control-plane,node-agent,firmware-images,test}/**/*.int.test.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 15_000 } } } },
      { test: { name: 'e2e', deps, include: ['test/e2e/**/*.test.ts'], fileParallelism: false, maxConcurrency: 40, testTimeout: 400_000, hookTimeout: 300_000 } },
    ],
  },
})
