package servers

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// NewRedis is a Redis that keeps an append-only file in dir and syncs it as said:
// "always" or "everysec".
func NewRedis(dir, appendfsync string) (*Server, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is missing (Debian's package redis-server): %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return &Server{
		address: "127.0.0.1:" + strconv.Itoa(port),
		log:     filepath.Join(dir, "redis.log"),
		stop:    syscall.SIGTERM,
		ready:   redisReady,
		command: func() *exec.Cmd {
			return exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--daemonize", "no",
				"--save", "", "--appendonly", "yes", "--appendfsync", appendfsync, "--maxmemory-policy", "noeviction")
		},
	}, nil
}

// redisReady reports whether the server has read its data: until then it answers LOADING.
func redisReady(ctx context.Context, address string) error {
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	defer client.Close()
	return client.Ping(ctx).Err()
}
