/** What an engine says instead of a program's output where it could not start the program, and what upstream's kubelet makes of that. Pure. */

/** runc's own line (containerd), into a file or on a terminal, and Docker's. */
const said = /^(?:time="[^"]*" level=error msg="|[^ -~]\[31mERRO[^ -~]\[0m\[\d+\] |OCI runtime exec failed: )(exec failed: unable to start container process: .*)/s

/** The engine's reason, undefined where this is no such message. */
export function startFailure(output: string): string | undefined {
  const found = said.exec(output)?.[1]?.trimEnd()
  if (found === undefined) return undefined
  return output.startsWith('time=') ? found.replace(/"$/, '').replace(/\\(.)/g, '$1') : found.replace(/: unknown$/, '')
}

/** 126 and 127 are Docker's, 255 is runc's. */
export const neverStarted = (exitCode: number): boolean => exitCode === 126 || exitCode === 127 || exitCode === 255

/** As containerd's CRI answers, which is what kubectl shows. */
export const failureMessage = (reason: string): string => `Internal error occurred: error executing command in container: failed to exec in container: failed to start exec: OCI runtime exec failed: ${reason}: unknown`
