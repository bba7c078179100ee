import { Clock } from '../../ui/icons';
import { page } from '../define';
import { text } from './messages';

export default page({
  section: 'work',
  place: 60,
  title: () => text('title'),
  icon: Clock,
  routes: { '/console/schedules': () => import('./index') },
});
