package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// startNodes starts a cluster of three nodes, and waits until each follows the log.
func startNodes(t *testing.T) map[string]*process {
	t.Helper()
	names := []string{"a", "b", "c"}
	var members []string
	for _, name := range names {
		members = append(members, name+"="+freeAddr(t))
	}
	env := append(os.Environ(), "DAYBOOK_CLUSTER_SECRET=a secret of the nodes")
	nodes := map[string]*process{}
	for _, name := range names {
		node, err := startServer(t.TempDir(), env, "--addr", freeAddr(t), "--data", "data", "--quiet", "--node", name, "--cluster", strings.Join(members, ","), "--concurrency", "1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = node.cmd.Process.Kill(); <-node.done })
		nodes[name] = node
	}
	for _, node := range nodes {
		if err := node.ready(patience); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
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
	leader, others := leaderOf(t, nodes["a"])
	seen, last := others[0], others[1]
	b := openTab(t, nodes[seen].url, 1280, 800)
	b.click(`#places a[href="#/cluster"]`)
	lead := `document.querySelector("#place .place-lead")?.textContent`
	b.until("it says who leads since when", `/^Led by .`+leader+`. since [\d:]+, .+, term 1$/.test(`+lead+`)`)
	b.until("the others follow", `document.querySelectorAll('#place tr[data-node] .place-state[data-tone="good"]').length === 2`)
	b.until("all copies of the log are current", `document.querySelectorAll('#place .place-copies [data-tone="good"]').length === 3`)
	task, err := connect(t, nodes[seen]).Submit(t.Context(), client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0}})
	if err != nil {
		t.Fatal(err)
	}
	b.untilStatus(task.ID, "SUCCESS")
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		b.cutsNothing(fmt.Sprintf("the cluster at %d", width))
		b.shootAs(fmt.Sprint(width))
	}

	_ = nodes[leader].cmd.Process.Kill()
	b.until("the page says that another leads", `/Node .[abc]. leads now/.test(document.querySelector("#toasts").textContent) && !document.querySelector("#toasts").textContent.includes("Node \u2068`+leader+`")`)
	b.until("the dead node is silent", fmt.Sprintf(`document.querySelector('#place tr[data-node=%q] .place-state').textContent === "Silent"`, leader))
	b.until("it says so in the place, too", `/^Led by .*, term \d+$/.test(`+lead+`) && document.querySelector("#strip").hidden`)

	_ = nodes[last].cmd.Process.Kill()
	b.until("the banner says that nothing can be changed", banner)
	b.js(`location.hash = "#/tasks/` + task.ID + `"`)
	b.until("a task can be read, and which node ran it", `/^Worker\n[abc]$/m.test(document.querySelector("#detail .facts")?.innerText)`)
	b.until("the banner stays", banner)
	b.cutsNothing("the banner")
	b.shootAs("minority")
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
