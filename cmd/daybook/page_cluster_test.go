package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// nodes are the processes of a cluster, by name.
type nodes struct {
	t       *testing.T
	members []string
	flags   map[string][]string
	dirs    map[string]string
	process map[string]*process
}

// startNodes starts a cluster of three nodes, and waits until each serves.
func startNodes(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{t: t, dirs: map[string]string{}, flags: map[string][]string{}, process: map[string]*process{}}
	for _, name := range []string{"a", "b", "c"} {
		n.members = append(n.members, name+"="+freeAddr(t))
		n.dirs[name] = t.TempDir()
		n.flags[name] = []string{"--addr", freeAddr(t), "--data", "data", "--quiet", "--node", name, "--concurrency", "1"}
	}
	for name := range n.dirs {
		n.start(name)
	}
	for _, p := range n.process {
		if err := p.ready(patience); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n *nodes) start(name string) {
	n.t.Helper()
	env := append(os.Environ(), "DAYBOOK_CLUSTER_SECRET=a secret of the nodes")
	p, err := startServer(n.dirs[name], env, append(n.flags[name], "--cluster", strings.Join(n.members, ","))...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	n.process[name] = p
}

func (n *nodes) kill(name string) {
	_ = n.process[name].cmd.Process.Kill()
	<-n.process[name].done
}

// leaderOf is the node that leads, as a node sees it, and the others.
func leaderOf(t *testing.T, node *process) (leader string, others []string) {
	t.Helper()
	found, err := connect(t, node).Cluster(t.Context())
	if err != nil || found.Leader == nil {
		t.Fatal(found, err)
	}
	for _, n := range found.Nodes {
		if n.Name != found.Leader.Node {
			others = append(others, n.Name)
		}
	}
	return found.Leader.Node, others
}

func TestPageShowsTheClusterAndWhoLeads(t *testing.T) {
	nodes := startNodes(t)
	leader, others := leaderOf(t, nodes.process["a"])
	seen, last := others[0], others[1]
	b := openTab(t, nodes.process[seen].url, 1280, 800)
	b.click(`#places a[href="#/cluster"]`)
	lead := `document.querySelector("#place .place-lead")?.textContent`
	b.until("it says who leads since when", `/^Led by .`+leader+`. since [\d:]+, .+, term 1$/.test(`+lead+`)`)
	b.until("the others follow", `document.querySelectorAll('#place tr[data-node] .place-state[data-tone="good"]').length === 2`)
	b.until("all copies of the log are current", `document.querySelectorAll('#place .place-copies [data-tone="good"]').length === 3`)
	task, err := connect(t, nodes.process[seen]).Submit(t.Context(), client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0}})
	if err != nil {
		t.Fatal(err)
	}
	b.untilStatus(task.ID, "SUCCESS")
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		b.cutsNothing(fmt.Sprintf("the cluster at %d", width))
		b.shootAs(fmt.Sprint(width))
	}

	nodes.kill(last)
	b.until("the dead node is silent", fmt.Sprintf(`document.querySelector('#place tr[data-node=%q] .place-state').textContent === "Silent"`, last))
	nodes.kill(leader)
	b.until("the banner says that nothing can be changed", banner)
	b.until("the place says it, too", lead+`.startsWith("No node leads at the moment")`)
	b.js(`location.hash = "#/tasks/` + task.ID + `"`)
	b.until("a task can be read, and which node ran it", `/^Worker\n[abc]$/m.test(document.querySelector("#detail .facts")?.innerText)`)
	b.until("the banner stays", banner)
	b.cutsNothing("the banner")
	b.shootAs("minority")
	b.form("SLEEP")
	b.click("dialog#form button[type=submit]")
	b.until("a change waits for a node that leads", `document.querySelector("dialog#form button[type=submit]").textContent.includes("No node leads: trying again")`)
	nodes.start(leader)
	b.until("the change is taken", `!document.querySelector("dialog#form[open]") && location.hash.startsWith("#/tasks/") && !location.hash.includes("`+task.ID+`")`)
	b.until("the page says who leads", `/Node .[abc]. leads (now|again)/.test(document.querySelector("#toasts").textContent) && document.querySelector("#strip").hidden`)
	b.refused() // the server may have refused it until a node led
	later := b.since()
	b.frames(3)
	for _, request := range later() {
		if strings.Contains(request, "/api/cluster") {
			t.Error("the cluster is fetched while it is not shown")
		}
	}
}

// banner is whether the page says that no node leads.
const banner = `document.querySelector("#strip[role=status]:not([hidden])")?.textContent.includes("No node of the cluster leads")`
