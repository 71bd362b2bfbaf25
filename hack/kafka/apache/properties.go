package apache

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// properties is the server.properties of one node. The options are resolved.
func (o Options) properties(node int, folder string) map[string]string {
	p := map[string]string{
		"node.id":                          strconv.Itoa(node),
		"process.roles":                    "broker,controller",
		"log.dirs":                         filepath.Join(folder, "data"),
		"controller.listener.names":        controllerListener,
		"inter.broker.listener.name":       adminListener,
		"auto.create.topics.enable":        "false",
		"group.initial.rebalance.delay.ms": "0",
		"default.replication.factor":       strconv.Itoa(o.Brokers),
		// Small, for a machine that has other things to do.
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"background.threads":             "2",
		"log.cleaner.dedupe.buffer.size": "4194304",
	}
	for prefix, partitions := range map[string]string{
		"offsets.topic": "offsets.topic.num.partitions", "transaction.state.log": "transaction.state.log.num.partitions",
		"share.coordinator.state.topic": "share.coordinator.state.topic.num.partitions",
	} {
		p[partitions] = "6"
		p[prefix+".replication.factor"] = strconv.Itoa(o.Brokers)
	}
	p["transaction.state.log.min.isr"], p["share.coordinator.state.topic.min.isr"] = "1", "1"
	if o.ACLs {
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		p["super.users"] = "User:ANONYMOUS" // who comes by the admin listener or is a broker
	}
	o.addListeners(p, node)
	maps.Copy(p, o.Settings)
	return p
}

func (o Options) addListeners(p map[string]string, node int) {
	var listen, advertise, protocols, voters []string
	for _, l := range o.Listeners {
		listen = append(listen, l.Name+"://"+l.Listen[node])
		protocols = append(protocols, l.Name+":"+l.protocol())
		if l.Name == controllerListener {
			for id, address := range l.Listen {
				voters = append(voters, fmt.Sprintf("%d@%s", id, address))
			}
			continue
		}
		advertise = append(advertise, l.Name+"://"+l.Advertise[node])
		maps.Copy(p, l.properties())
	}
	p["listeners"] = strings.Join(listen, ",")
	p["advertised.listeners"] = strings.Join(advertise, ",")
	p["listener.security.protocol.map"] = strings.Join(protocols, ",")
	p["controller.quorum.voters"] = strings.Join(voters, ",")
}

// properties are those of the listener alone.
func (l Listener) properties() map[string]string {
	p := map[string]string{}
	prefix := "listener.name." + strings.ToLower(l.Name) + "."
	if l.Certificate != "" {
		p[prefix+"ssl.keystore.type"] = "PEM"
		p[prefix+"ssl.keystore.certificate.chain"] = l.Certificate
		p[prefix+"ssl.keystore.key"] = l.Key
	}
	if l.ClientCA != "" {
		p[prefix+"ssl.client.auth"] = "required"
		p[prefix+"ssl.truststore.type"] = "PEM"
		p[prefix+"ssl.truststore.certificates"] = l.ClientCA
	}
	if l.SCRAM {
		p[prefix+"sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512"
		for _, mechanism := range []string{"256", "512"} {
			p[prefix+"scram-sha-"+mechanism+".sasl.jaas.config"] =
				"org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	return p
}

// render writes Java's properties format, in which a line ends a value.
func render(properties map[string]string) string {
	var text strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", key, escape.Replace(properties[key]))
	}
	return text.String()
}
