import { expect, it } from 'vitest'
import { startFailure } from './start-failure.ts'

it.each([
  ['runc', 'time="2026-01-02T03:04:05Z" level=error msg="exec failed: unable to start container process: exec: \\"nope\\": executable file not found in $PATH"\n', 'exec failed: unable to start container process: exec: "nope": executable file not found in $PATH'],
  ['runc on a terminal', '\u001b[31mERRO\u001b[0m[0000] exec failed: unable to start container process: exec: "nope": executable file not found in $PATH \r\n', 'exec failed: unable to start container process: exec: "nope": executable file not found in $PATH'],
  ['Docker', 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc": is a directory: permission denied: unknown\r\n', 'exec failed: unable to start container process: exec: "/etc": is a directory: permission denied'],
  ['a program that says the like', 'sh: exec failed: unable to start container process: x\n', undefined],
])('%s', (_who, output, reason) => { expect(startFailure(output)).toBe(reason) })
