package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"daybook/cluster"
)

// clusterFlags make serve a node of a cluster.
type clusterFlags struct {
	Node          string   `placeholder:"NAME" help:"Name of this node, in --cluster or at --nats."`
	Cluster       []string `placeholder:"NAME=HOST:PORT" help:"All nodes of the cluster that this server belongs to, with the addresses at which they reach each other, in the same order on each of them: a=10.0.0.1:7101,b=10.0.0.2:7101,c=10.0.0.3:7101."`
	NATS          []string `name:"nats" placeholder:"URL" help:"NATS servers with JetStream that keep the log of the cluster, in place of --cluster: nats://10.0.0.1:4222,nats://10.0.0.2:4222. The nodes find each other there."`
	NATSCreds     string   `name:"nats-creds" placeholder:"FILE" help:"Credentials of the user of --nats."`
	Replicas      int      `default:"3" help:"Replicas that the log must have at --nats: 3 or 5, or 1 to try it (${default})."`
	ClusterName   string   `default:"daybook" placeholder:"NAME" help:"Name of the cluster (${default})."`
	ClusterSecret string   `placeholder:"TEXT" help:"Secret that all nodes know, at least 16 characters; better in DAYBOOK_CLUSTER_SECRET. It is sent as it is: use --cluster-cert on a network that others can read."`
	ClusterImport bool     `help:"Bring the log and the files of the data folder into the cluster, which must have no log yet. For the first node of --cluster, once."`
	ClusterCert   string   `placeholder:"FILE" help:"Certificate of this node in PEM: nodes encrypt what they tell each other, and check each other."`
	ClusterKey    string   `placeholder:"FILE" help:"Private key of --cluster-cert, in PEM."`
	ClusterCA     string   `name:"cluster-ca" placeholder:"FILE" help:"Certificate of the authority that has signed those of all nodes, in PEM."`
}

// inCluster reports whether the server is a node of a cluster.
func (c *clusterFlags) inCluster() bool { return len(c.Cluster)+len(c.NATS) > 0 }

// options are those of the node, nil if the server is alone.
func (c *clusterFlags) options() (*cluster.Options, error) {
	if !c.inCluster() {
		return nil, nil
	}
	o := &cluster.Options{Cluster: c.ClusterName, Node: c.Node, Secret: c.ClusterSecret, Import: c.ClusterImport}
	for _, one := range c.Cluster {
		name, addr, _ := strings.Cut(one, "=")
		o.Members = append(o.Members, cluster.Member{Name: name, Addr: addr})
	}
	if len(c.NATS) > 0 {
		o.NATS = &cluster.NATS{URLs: c.NATS, Creds: c.NATSCreds, Replicas: c.Replicas}
	}
	if c.ClusterCA != "" {
		var err error
		if o.TLS, err = c.tls(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// tls is how nodes encrypt what they tell each other.
func (c *clusterFlags) tls() (*tls.Config, error) {
	var pairs []tls.Certificate
	if c.ClusterCert != "" {
		pair, err := tls.LoadX509KeyPair(c.ClusterCert, c.ClusterKey)
		if err != nil {
			return nil, fmt.Errorf("--cluster-cert and --cluster-key cannot be used: %w", err)
		}
		pairs = append(pairs, pair)
	}
	authority, err := os.ReadFile(c.ClusterCA)
	if err != nil {
		return nil, fmt.Errorf("--cluster-ca cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("--cluster-ca has no certificate in it")
	}
	return &tls.Config{Certificates: pairs, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}, nil
}

// faults lists what is wrong with the flags.
func (c *clusterFlags) faults() (all []flagFault) {
	if !c.inCluster() {
		if c.Node != "" {
			all = append(all, faultOf("node", "goes with --cluster: name all nodes there (or with --nats)"))
		}
		if c.NATSCreds != "" {
			all = append(all, faultOf("nats-creds", "goes with --nats: name the servers there"))
		}
		return all
	}
	if len(c.NATS) > 0 && c.Node == "" {
		all = append(all, faultOf("node", "is missing: give each node of --nats a name of its own, such as --node a"))
	}
	if _, err := os.Stat(c.NATSCreds); c.NATSCreds != "" && err != nil {
		all = append(all, faultOf("nats-creds", "%s cannot be read: give the file with the credentials of the NATS user", c.NATSCreds))
	}
	for i, one := range c.Cluster {
		if name, addr, ok := strings.Cut(one, "="); !ok || name == "" || addr == "" {
			all = append(all, flagFault{"cluster", i, fmt.Sprintf("%s: it must be NAME=HOST:PORT, such as a=10.0.0.1:7101", one)})
		}
	}
	if (c.ClusterCert == "") != (c.ClusterKey == "") || (c.ClusterCert == "") != (c.ClusterCA == "") && (c.ClusterCert != "" || len(c.NATS) == 0) {
		all = append(all, faultOf("cluster-cert", "--cluster-key and --cluster-ca go together: give all, or none"))
	}
	if all != nil {
		return all
	}
	o, err := c.options()
	if err == nil {
		err = o.Check()
	}
	if err != nil {
		all = append(all, faultOf("cluster", "cannot be used: %v", err))
	}
	return all
}
