import type { ControlFramework } from './framework.ts'

const url = (family: string) => `https://csf.tools/reference/nist-sp-800-53/r5/au/${family}/`

export const nist80053: ControlFramework = {
  title: 'NIST SP 800-53, family AU: Audit and Accountability',
  edition: 'Revision 5',
  url: 'https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final',
  controls: [
    {
      id: 'AU-2',
      title: 'Event logging',
      asks: 'The organisation decides which types of events the system logs, and reviews that choice.',
      url: url('au-2'),
      shows: ['recording'],
      cannotShow: 'Which types of events were meant to be logged, and why: that is a decision on paper.',
    },
    {
      id: 'AU-3',
      title: 'Content of audit records',
      asks: 'A record says what happened, when, where, from which source, how it ended, and who was involved.',
      url: url('au-3'),
      shows: ['content', 'actors', 'outcomes', 'time'],
      cannotShow: 'Whether what a component said of itself is true: the log keeps the statement, not the fact.',
    },
    {
      id: 'AU-4(1)',
      title: 'Transfer to alternate storage',
      asks: 'Records are moved at times to a system other than the one that is logged.',
      url: url('au-4/au-4-1'),
      shows: ['accesses'],
      cannotShow:
        'Whether what was exported arrived, and is kept there. Streams out and backups are not in these figures.',
    },
    {
      id: 'AU-5',
      title: 'Response to failures of logging',
      asks: 'When logging fails, those in charge are told, and what was laid down for this case is done.',
      url: url('au-5'),
      shows: ['failures', 'completeness', 'alerts'],
      cannotShow: 'A failure of which this software never learnt, and whether anyone was reached.',
    },
    {
      id: 'AU-6',
      title: 'Review, analysis and reporting',
      asks: 'Records are reviewed at set intervals for unusual activity, and findings are reported.',
      url: url('au-6'),
      shows: ['accesses', 'alerts', 'reports'],
      cannotShow: 'Whether a reader understood what was read. Reading of the file past this software leaves no entry.',
    },
    {
      id: 'AU-7',
      title: 'Reduction and report generation',
      asks: 'Records can be searched, sorted and summed up without changing them.',
      url: url('au-7'),
      shows: ['reports', 'integrity'],
      cannotShow: 'Whether these reports answer the questions that reviewers have.',
    },
    {
      id: 'AU-8',
      title: 'Time stamps',
      asks: 'Records carry the time of the system clock, in UTC or with its offset, as finely as was laid down.',
      url: url('au-8'),
      shows: ['time'],
      cannotShow: 'Whether the clock was right. The log shows that time never ran backwards, not what time it was.',
    },
    {
      id: 'AU-9',
      title: 'Protection of audit information',
      asks: 'Records and the tools for them are protected from unauthorised reading, change and deletion.',
      url: url('au-9'),
      shows: ['integrity', 'accesses', 'alerts'],
      cannotShow:
        'Who can reach the file and the keys on the machine. Protection from change means here that a change is noticed, as far as the trust label says.',
    },
    {
      id: 'AU-9(3)',
      title: 'Cryptographic protection',
      asks: 'Cryptographic means protect the integrity of records and tools.',
      url: url('au-9/au-9-3'),
      shows: ['integrity', 'keys'],
      cannotShow:
        'Whether the keys were kept from others, and whether the modules in use are validated ones, where that is asked for.',
    },
    {
      id: 'AU-10',
      title: 'Non-repudiation',
      asks: 'There is evidence that a person, or a process acting for one, did what is on record.',
      url: url('au-10'),
      shows: ['actors', 'integrity', 'completeness'],
      cannotShow:
        'That an actor is who its name says: entries are signed by the log, not by the actor, and authentication happens before them.',
    },
    {
      id: 'AU-11',
      title: 'Audit record retention',
      asks: 'Records are kept for as long as the organisation has laid down.',
      url: url('au-11'),
      shows: ['retention', 'erasure'],
      cannotShow: 'Which period was laid down, beyond what is configured here.',
    },
    {
      id: 'AU-12',
      title: 'Audit record generation',
      asks: 'The components that were chosen make records, with the content of AU-3, of the events of AU-2.',
      url: url('au-12'),
      shows: ['recording', 'content', 'completeness'],
      cannotShow: 'Components that should write here and never did: what is not called is not heard.',
    },
  ],
}
