/** Every function of upstream's environment. Pure. */
import { tableOf } from '../function-table.ts'
import { authorizer } from './authorizer.ts'
import { collections } from './collections.ts'
import { conversions } from './conversions.ts'
import { standard } from './standard.ts'
import { text } from './text.ts'

export const functions = tableOf([...standard, ...conversions, ...text, ...collections, ...authorizer])
