// Cases of transactions, of what a session keeps, and of how it ends.
import pg from 'pg'
import { fails, same, sleep } from './harness.js'
import { aside, connect, goesOn, table, value } from './session.js'

export const sessions = {
  'transactions': async () => {
    const session = await connect()
    const name = await table(session, 'transactions')
    await session.query(`BEGIN; INSERT INTO ${name} VALUES (1); COMMIT`)
    await session.query('BEGIN')
    await session.query(`INSERT INTO ${name} VALUES (2)`)
    await fails('22012', session.query('SELECT 1/0'))
    await fails('25P02', session.query('SELECT 1'))
    await session.query('ROLLBACK')
    same('rows', await value(session, `SELECT count(*) FROM ${name}`), '1')
  },
  'savepoints': async () => {
    const session = await connect()
    const name = await table(session, 'savepoints')
    await session.query('BEGIN')
    await session.query(`INSERT INTO ${name} VALUES (1)`)
    await session.query('SAVEPOINT point')
    await fails('22012', session.query('SELECT 1/0'))
    await session.query('ROLLBACK TO point')
    await session.query('COMMIT')
    same('rows', await value(session, `SELECT count(*) FROM ${name}`), '1')
  },
  'commit-fails': async () => {
    // Who tries again begins the next transaction at once: the one that failed to commit has ended.
    const session = await connect()
    const name = await table(session, 'commit_fails', 'x int UNIQUE DEFERRABLE INITIALLY DEFERRED')
    await session.query('BEGIN')
    await session.query(`INSERT INTO ${name} VALUES (1), (1)`)
    await fails('23505', session.query('COMMIT'))
    await session.query('BEGIN')
    await goesOn(session)
  },
  'serializable': async () => {
    const both = [await connect(), await connect()]
    const name = await table(both[0], 'serializable')
    for (const session of both) {
      await session.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
      await session.query(`SELECT count(*) FROM ${name}`)
    }
    for (const session of both) await session.query(`INSERT INTO ${name} VALUES (1)`)
    await both[0].query('COMMIT')
    await fails('40001', both[1].query('COMMIT'))
  },
  'write-read': async () => {
    const both = [await connect(), await connect()]
    const name = await table(both[0], 'write_read')
    for (let x = 0; x < 100; x++) {
      await both[0].query(`INSERT INTO ${name} VALUES ($1)`, [x])
      for (const session of both) same('newest', await value(session, `SELECT max(x) FROM ${name}`), x)
    }
  },
  'advisory': async () => {
    const [one, two] = [await connect(), await connect()]
    await one.query('SELECT pg_advisory_lock(1)')
    same('second', await value(two, 'SELECT pg_try_advisory_lock(1)'), false)
    same('unlocked', await value(one, 'SELECT pg_advisory_unlock(1)'), true)
  },
  'advisory-transaction': async () => {
    const [one, two] = [await connect(), await connect()]
    await one.query('BEGIN')
    await one.query('SELECT pg_advisory_xact_lock(2)')
    same('second', await value(two, 'SELECT pg_try_advisory_xact_lock(2)'), false)
    await one.query('COMMIT')
    same('afterwards', await value(two, 'SELECT pg_try_advisory_xact_lock(2)'), true)
  },
  'notify': async () => {
    const [session, other] = [await connect(), await connect()]
    const heard = new Promise((done) => session.on('notification', (told) => done(told.payload)))
    await session.query('LISTEN drivers')
    await other.query("NOTIFY drivers, 'word'")
    same('heard', await Promise.race([heard, sleep(3000).then(() => 'nothing')]), 'word')
  },
  'cancel': async () => {
    for (let turn = 0; turn < 10; turn++) {
      const session = await connect()
      const asked = session.query(new pg.Query('SELECT pg_sleep(20)'))
      const ended = new Promise((done, broken) => asked.once('error', broken).once('end', done))
      await sleep(300)
      // The driver's own way, which sends the request without TLS.
      new pg.Client({ ssl: false }).cancel(session, asked)
      await fails('57014', ended)
      await goesOn(session)
    }
  },
  'timeout': async () => {
    // By statement_timeout the server ends a statement; query_timeout of the driver alone would leave it at work.
    const session = await connect({ statement_timeout: 1000 })
    await fails('57014', session.query('SELECT pg_sleep(20)'))
    await goesOn(session)
  },
  'dead-client': async () => {
    const [session, other] = [await connect(), await connect()]
    const name = await table(other, 'dead')
    await session.query('BEGIN')
    await session.query(`LOCK TABLE ${name}`)
    await aside(session)
    session.connection.stream.destroy()
    await other.query('BEGIN')
    await other.query("SET LOCAL lock_timeout = '10s'")
    await other.query(`DROP TABLE ${name}`)
    await other.query('COMMIT')
  },
  'terminated': async () => {
    const [session, other] = [await connect(), await connect()]
    await session.query('BEGIN')
    const served = await value(session, 'SELECT pg_backend_pid()')
    const { sleeping } = await aside(session)
    await other.query('SELECT pg_terminate_backend($1)', [served])
    await fails('57P01', sleeping)
  },
}
