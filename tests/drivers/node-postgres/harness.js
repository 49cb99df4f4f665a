// Cases by name, each with sessions of its own and a time limit; a line for each.
import { isDeepStrictEqual } from 'node:util'

// Milliseconds; the longest case takes 10 s.
const LIMIT = 45_000
const opened = []

// What was seen in place of what was expected.
class Seen extends Error {}

export const keep = (session) => (opened.push(session), session)

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))

export function same(what, seen, wanted) {
  if (!isDeepStrictEqual(seen, wanted)) throw new Seen(`${what}: ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`)
}

// A statement fails with this SQLSTATE.
export async function fails(code, promise) {
  try {
    await promise
  } catch (error) {
    if (error.code === code) return
    throw error
  }
  throw new Seen(`no error, not ${code}`)
}

function told(error) {
  const words = String(error.message).replace(/\s+/g, ' ').slice(0, 200)
  return error instanceof Seen ? words : `${error.code ?? error.name} ${words}`
}

export async function main(cases) {
  const wanted = process.argv.slice(2)
  for (const [name, run] of Object.entries(cases)) {
    if (wanted.length && !wanted.includes(name)) continue
    const late = sleep(LIMIT).then(() => { throw new Seen(`no answer in ${LIMIT / 1000} s`) })
    const seen = await Promise.race([run(), late]).then(() => 'ok', told)
    process.stdout.write(`${name}\t${seen}\n`)
    await Promise.race([Promise.allSettled(opened.splice(0).map((session) => session.end())), sleep(1000)])
  }
  process.exit(0)
}

// A session that is ended from outside tells so beside the statement at work, which alone is looked at; so does a case that is late.
process.on('unhandledRejection', () => {})
