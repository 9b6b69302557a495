import type { ControlFramework } from './framework.ts'

const url = 'https://www.pcisecuritystandards.org/document_library/'

export const pci: ControlFramework = {
  title: 'PCI DSS, requirement 10: log and monitor all access',
  edition: 'PCI DSS 4.0.1',
  url,
  retention: {
    days: 365,
    says: '10.5.1: at least twelve months, the last three of them at hand for analysis',
  },
  controls: [
    {
      id: '10.2',
      title: 'Audit logs are implemented',
      asks: 'Access to cardholder data, administrative acts, access to the logs, failed attempts, changes of credentials, starting and stopping of logs are recorded, each with user, type, time, outcome, origin and what was affected.',
      url,
      shows: ['recording', 'content', 'actors', 'outcomes', 'accesses', 'changes'],
      cannotShow:
        'Which of the recorded operations concern cardholder data, and system components that do not write here.',
    },
    {
      id: '10.3',
      title: 'Audit logs are protected',
      asks: 'Logs are read by those who need to only, protected from change, backed up promptly, and watched so that a change of existing records raises an alert.',
      url,
      shows: ['integrity', 'accesses', 'alerts'],
      cannotShow: 'Permissions of files on the machine, and whether backups were made and can be read.',
    },
    {
      id: '10.4',
      title: 'Audit logs are reviewed',
      asks: 'Logs are reviewed, daily where it matters most, by automated means, and what is unusual is followed up.',
      url,
      shows: ['accesses', 'reports', 'alerts'],
      cannotShow: 'Whether those reviews were made that leave no trace here, and how often they should be.',
    },
    {
      id: '10.5',
      title: 'History is retained',
      asks: 'Audit log history is kept for twelve months at least, the last three at hand.',
      url,
      shows: ['retention', 'erasure'],
      cannotShow: 'History that is kept elsewhere.',
    },
    {
      id: '10.6',
      title: 'Time is synchronised',
      asks: 'Clocks are synchronised from approved sources, and time settings are protected.',
      url,
      shows: ['time'],
      cannotShow: 'How the clock of the machine is set. The log shows that time never ran backwards.',
    },
    {
      id: '10.7',
      title: 'Failures are detected and responded to',
      asks: 'Failures of critical security controls, logging among them, are detected, reported and responded to promptly.',
      url,
      shows: ['failures', 'completeness', 'alerts'],
      cannotShow: 'Failures of other controls, and how soon someone acted.',
    },
  ],
}
