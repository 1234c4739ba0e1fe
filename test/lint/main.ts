/** `npm run lint`: the layout rules over every tracked source, then oxlint's correctness rules. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../shared/host/exec.ts'
import { lint, type SourceFile } from './rules.ts'

const root = join(import.meta.dirname, '../..')
const folders = ['shared', 'control-plane', 'node-agent', 'firmware-images', 'scripts', 'test']
const files: SourceFile[] = []
for (const folder of folders) {
  for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
    const path = join(entry.parentPath, entry.name)
    files.push({ path: path.slice(root.length + 1), text: await readFile(path, 'utf8') })
  }
}
const findings = lint(files)
for (const f of findings) console.log(`${f.path}:${f.line}: ${f.message}`)
const ox = await run([join(root, 'node_modules/.bin/oxlint'), '--deny-warnings', ...folders], { cwd: root })
if (ox.exitCode !== 0) process.stdout.write(ox.stdout)
console.log(`${files.length} files, ${findings.length} findings of ours, oxlint ${ox.exitCode === 0 ? 'clean' : 'not clean'}`)
process.exitCode = findings.length || ox.exitCode ? 1 : 0
