/**
 * A new key and its certificate request, made in a process of its own that ends with it: the X.509 library is megabytes of heap that an agent
 * needs once in a certificate's life, and V8 gives no code back.
 */
import { isSea } from 'node:sea'
import { run, ExecError } from '../../shared/host/exec.ts'
import { createKeyAndCsr, type Subject } from '../../shared/pki/certificates.ts'

export type NewKey = (subject: Subject) => Promise<{ keyPem: string; csrPem: string }>

/** The agent's own subcommand for it: subject on stdin, result on stdout, both JSON. The key passes through a pipe, never through a file or an argument. */
export const newKeyCommand = 'new-key'

/** How this program is started again. `program`: the file that runs, where that is not the executable itself. */
const self = (program: string): string[] => (isSea() ? [process.execPath] : [process.execPath, program])

/** Makes the key by starting `program` with {@link newKeyCommand}. Rejects with an ExecError. */
export const newKeyApart = (program: string): NewKey => async (subject) => {
  const argv = [...self(program), newKeyCommand]
  const result = await run(argv, { input: JSON.stringify(subject) })
  // Not `runOk`: an error must not quote an output that may hold a key.
  if (result.exitCode !== 0) throw new ExecError(argv, { ...result, stdout: Buffer.alloc(0) })
  return JSON.parse(result.stdout.toString()) as Awaited<ReturnType<NewKey>>
}

/** The other side: what the subcommand does. */
export async function answerNewKey(stdin: AsyncIterable<Buffer>, write: (text: string) => void): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  write(JSON.stringify(await createKeyAndCsr(JSON.parse(Buffer.concat(chunks).toString()) as Subject)))
}
