// Package assign divides the partitions of a group among its members so that
// they move as seldom as the balance allows. It is pure: the same members,
// claims and topics give the same plan, whatever their order.
//
// Who had what, nobody but the members knows: an eager member gives up its
// partitions before it joins again, the leader may be another one each time,
// and the broker keeps no assignment. So each member carries Claims: what it
// was given last, at which generation, and since when it has had each
// partition. Of two claims on a partition that of the higher generation holds.
//
// A member is known by its member id, not by a client id: pods of a Deployment
// never come back under their names, and nothing makes client ids unique. A
// member that returns under a new id gets its partitions back all the same,
// because those who stood in for it give up first what they gained last.
package assign
