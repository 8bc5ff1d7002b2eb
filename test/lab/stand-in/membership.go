package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
)

const learnerStall = 5 * time.Minute

var errSmallCluster = errors.New(
	"cannot remove a member from a cluster with less than three nodes")

// etcdLeader is the member a joining host talks to first.
type etcdLeader struct {
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peer_urls"`
	ClientURLs []string `json:"client_urls"`
}

func findMember(members []*etcdserverpb.Member, name string) *etcdserverpb.Member {
	for _, member := range members {
		if member.Name == name {
			return member
		}
	}
	return nil
}

func leaderOf(ctx context.Context, client *clientv3.Client) (etcdLeader, error) {
	status, err := client.Status(ctx, client.Endpoints()[0])
	if err != nil {
		return etcdLeader{}, fmt.Errorf("failed to get initial endpoint status: %w", err)
	}
	answer, err := client.MemberList(ctx)
	if err != nil {
		return etcdLeader{}, fmt.Errorf("failed to list cluster members: %w", err)
	}
	for _, member := range answer.Members {
		if member.ID == status.Leader {
			return etcdLeader{member.Name, member.PeerURLs, member.ClientURLs}, nil
		}
	}
	return etcdLeader{}, errors.New("cluster has no leader")
}

// join makes this host part of a cluster. Server: added as learner (five tries, 1 to 16 s apart),
// started with the present members, promoted, settled. Client: credentials and endpoints only.
func (n *etcdNode) join(ctx context.Context, leader etcdLeader, given credentials) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.initialised() {
		return errors.New("etcd already initialized - cannot join another cluster")
	}
	if err := n.settings.keep(given); err != nil {
		return err
	}
	first, err := n.login(leader.ClientURLs)
	if err != nil {
		return fmt.Errorf("failed to get initial client: %w", err)
	}
	if n.mode == modeClient {
		defer first.Close()
		if err := n.saveEndpoints(ctx, first); err != nil {
			return err
		}
	} else if err := n.joinServer(ctx, first); err != nil {
		return err
	} else if err := first.Close(); err != nil {
		return err
	}
	if err := n.connect(ctx); err != nil {
		return err
	}
	close(n.ready)
	return nil
}

func (n *etcdNode) joinServer(ctx context.Context, first *clientv3.Client) error {
	own := n.settings.urls(n.settings.peerPort)
	if err := addLearner(ctx, first, own); err != nil {
		return err
	}
	answer, err := first.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("failed to list cluster members: %w", err)
	}
	var peers []string
	for _, peer := range own {
		peers = append(peers, n.settings.hostID+"="+peer)
	}
	for _, member := range answer.Members {
		// A member without name has not started: this one is among them.
		if member.Name == "" || member.Name == n.settings.hostID {
			continue
		}
		for _, peer := range member.PeerURLs {
			peers = append(peers, member.Name+"="+peer)
		}
	}
	config := n.serverConfig()
	config.InitialCluster = strings.Join(peers, ",")
	config.ClusterState = embed.ClusterStateFlagExisting
	server, err := startEmbedded(ctx, config)
	if err != nil {
		return err
	}
	n.server = server
	logInfo("etcd started as learner")
	if err := n.promote(ctx, first); err != nil {
		return fmt.Errorf("failed to promote this etcd server: %w", err)
	}
	return nil
}

func addLearner(ctx context.Context, client *clientv3.Client, urls []string) error {
	wait := time.Second
	for try := 1; ; try++ {
		_, err := client.MemberAddAsLearner(ctx, urls)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("failed to add this etcd server as learner: %w", err)
		logInfo("retrying", "error", err.Error())
		time.Sleep(wait)
		wait *= 2
		if try == 5 {
			return fmt.Errorf("exhausted retries. final error: %w", err)
		}
	}
}

// promote asks once a second until the learner has caught up; one that makes no progress for five
// minutes is removed. After the promotion etcd wants members connected for its health interval.
func (n *etcdNode) promote(ctx context.Context, client *clientv3.Client) error {
	answer, err := client.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("failed to get member list: %w", err)
	}
	learner := findMember(answer.Members, n.settings.hostID)
	if learner == nil {
		return fmt.Errorf("member not found: %s", n.settings.hostID)
	}
	var applied uint64
	progress := time.Now()
	for {
		if _, err := client.MemberPromote(ctx, learner.ID); err == nil {
			logInfo("promotion successful, waiting for cluster to be healthy")
			time.Sleep(etcdserver.HealthInterval)
			return nil
		}
		for _, endpoint := range learner.ClientURLs {
			status, err := client.Status(ctx, endpoint)
			if err != nil {
				continue
			}
			if status.RaftAppliedIndex > applied {
				applied, progress = status.RaftAppliedIndex, time.Now()
			}
			break
		}
		if time.Since(progress) > learnerStall {
			if _, err := client.MemberRemove(ctx, learner.ID); err != nil {
				return fmt.Errorf("failed to remove stalled learner: %w", err)
			}
			return fmt.Errorf("removed learner member %q because it failed to make progress",
				n.settings.hostID)
		}
		time.Sleep(time.Second)
	}
}

// becomeServer is the switch from client to server mode at start, with the host's own credentials.
func (n *etcdNode) becomeServer(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return err
	}
	host := hostIdentity{
		id: n.settings.hostID, addresses: n.settings.certificateNames(), server: true,
	}
	generated := n.settings.current()
	own := credentials{
		username: generated.EtcdUsername,
		password: generated.EtcdPassword,
		ca:       n.authority.certificatePEM(),
	}
	user, err := n.authority.issue(ctx, n.client, userPrincipalID(host.id), "", nil)
	if err != nil {
		return fmt.Errorf("failed to get client principal: %w", err)
	}
	own.userCert, own.userKey = user.certificate, user.key
	if err := own.addServer(ctx, n.client, n.authority, host); err != nil {
		return err
	}
	leader, err := leaderOf(ctx, n.client)
	if err != nil {
		return fmt.Errorf("failed to get cluster leader: %w", err)
	}
	if err := n.close(); err != nil {
		return err
	}
	n.mode = modeServer
	if err := n.join(ctx, leader, own); err != nil {
		return fmt.Errorf("failed to join embedded etcd to cluster: %w", err)
	}
	n.ready = make(chan struct{})
	return n.settings.update(func(g *generatedConfig) {
		g.EtcdMode, g.EtcdClient, g.EtcdServer = modeServer, nil, n.settings.serverConfig()
	})
}

// becomeClient is the switch from server to client mode at start. Without data in etcd/ its first
// step makes a new cluster and overwrites the credentials: the real one's trap, kept.
func (n *etcdNode) becomeClient(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return err
	}
	answer, err := n.client.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("failed to list etcd members for server->client transition: %w", err)
	}
	var endpoints []string
	for _, member := range answer.Members {
		if member.Name != n.settings.hostID {
			endpoints = append(endpoints, member.ClientURLs...)
		}
	}
	if len(endpoints) == 0 {
		return fmt.Errorf("cannot demote etcd server on host %s: "+
			"no remaining cluster members with client URLs", n.settings.hostID)
	}
	if err := n.settings.update(func(g *generatedConfig) {
		g.EtcdClient = &etcdClientConfig{Endpoints: endpoints, LogLevel: "fatal"}
	}); err != nil {
		return err
	}
	if err := n.close(); err != nil {
		return err
	}
	n.mode = modeClient
	if err := n.start(ctx); err != nil {
		return fmt.Errorf("failed to start remote client: %w", err)
	}
	if err := removeMember(ctx, n.client, n.settings.hostID); err != nil {
		return fmt.Errorf("failed to remove embedded etcd from cluster: %w", err)
	}
	if err := os.RemoveAll(n.settings.etcdDir()); err != nil {
		return err
	}
	return n.settings.update(func(g *generatedConfig) {
		g.EtcdMode, g.EtcdServer = modeClient, nil
	})
}

// removeMember takes a host's member out by its name; a host that is no member is left alone.
func removeMember(ctx context.Context, client *clientv3.Client, hostID string) error {
	answer, err := client.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("failed to list members: %w", err)
	}
	member := findMember(answer.Members, hostID)
	if member == nil {
		return nil
	}
	if len(answer.Members) < 3 {
		return errSmallCluster
	}
	if _, err := client.MemberRemove(ctx, member.ID); err != nil {
		return fmt.Errorf("failed to remove member: %w", err)
	}
	return nil
}
