# Holds the namespaces of a bare root, whose folder is $1, until it is killed; all that runs in them ends with it.
set -e
root=$1
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
# Read-only for root, too, whom no file mode stops.
for home in home root; do
  mount --bind "$root/$home" "$root/$home"
  mount -o remount,ro,bind "$root/$home"
done
# In a network namespace of its own loopback is down; in that of the machine it is up already.
ip link set lo up
touch "$root/ready"
exec sleep infinity
