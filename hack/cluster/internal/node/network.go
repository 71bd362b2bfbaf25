//go:build linux

package node

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// bridgeMAC is fixed, because a bridge without one changes its address, and loses connections, as pods come and go.
var bridgeMAC = net.HardwareAddr{0x02, 0x6c, 0x61, 0x67, 0x00, 0x02}

// ConnectHost makes the link between the host and the node whose first process is pid. It runs on the host.
func ConnectHost(pid int) error {
	link := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: HostLink},
		PeerName:      NodeLink,
		PeerNamespace: netlink.NsPid(pid),
	}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("make the link %q to the node: %w", HostLink, err)
	}
	return raise(link, HostAddress)
}

// DisconnectHost removes the host's end of the link, if there is one.
func DisconnectHost() error {
	link, err := netlink.LinkByName(HostLink)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the link %q: %w", HostLink, err)
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("remove the link %q: %w", HostLink, err)
	}
	return nil
}

// ConflictingLink returns the name of a link of the host that already uses the node's addresses, or "".
func ConflictingLink() (string, error) {
	_, wanted, err := net.ParseCIDR(PodRange)
	if err != nil {
		return "", err
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("list the host's routes: %w", err)
	}
	for _, route := range routes {
		if !overlaps(route.Dst, wanted) {
			continue
		}
		link, err := netlink.LinkByIndex(route.LinkIndex)
		if err == nil && link.Attrs().Name != HostLink {
			return link.Attrs().Name, nil
		}
	}
	return "", nil
}

// overlaps is false for the default route, which a more specific one overrides.
func overlaps(route, wanted *net.IPNet) bool {
	if route == nil {
		return false
	}
	if ones, _ := route.Mask.Size(); ones == 0 {
		return false
	}
	return route.Contains(wanted.IP) || wanted.Contains(route.IP)
}

// prepareNetwork attaches the node's end of the link to a bridge for the pods. It runs inside the node.
func prepareNetwork() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("raise the loopback device: %w", err)
	}
	pods := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridge, HardwareAddr: bridgeMAC}}
	if err := netlink.LinkAdd(pods); err != nil {
		return fmt.Errorf("make the bridge %q: %w", bridge, err)
	}
	toHost, err := netlink.LinkByName(NodeLink)
	if err != nil {
		return fmt.Errorf("find the link %q to the host: %w", NodeLink, err)
	}
	if err := netlink.LinkSetMaster(toHost, pods); err != nil {
		return fmt.Errorf("attach %q to %q: %w", NodeLink, bridge, err)
	}
	if err := netlink.LinkSetUp(toHost); err != nil {
		return fmt.Errorf("raise %q: %w", NodeLink, err)
	}
	if err := raise(pods, Address); err != nil {
		return err
	}
	return setSysctl("net/ipv4/ip_forward", 1)
}

func raise(link netlink.Link, address string) error {
	network := &net.IPNet{IP: net.ParseIP(address), Mask: net.CIDRMask(prefixLength, 32)}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: network}); err != nil {
		return fmt.Errorf("give %q the address %s: %w", link.Attrs().Name, address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("raise %q: %w", link.Attrs().Name, err)
	}
	return nil
}
