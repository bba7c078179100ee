import { Person } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'self',
  place: 10,
  title: () => text('title'),
  icon: Person,
  own: true,
  routes: { '/console/account': () => import('./index') },
});
