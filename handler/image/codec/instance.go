package codec

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:embed codecs.wasm.gz
var codecsWasm []byte

//go:embed heif.wasm.gz
var heifWasm []byte

// library is a module compiled to machine code: constant after the first use, as if the compiler
// had made it.
type library struct {
	runtime wazero.Runtime
	code    wazero.CompiledModule
	err     error
}

var (
	codecs = sync.OnceValue(func() library { return compile(codecsWasm) })
	heif   = sync.OnceValue(func() library { return compile(heifWasm) })
)

func libraryOf(format Format) library {
	if format == HEIF {
		return heif()
	}
	return codecs()
}

func compile(compressed []byte) library {
	ctx := context.Background()
	l := library{runtime: wazero.NewRuntime(ctx)}
	l.code, l.err = l.load(ctx, compressed)
	return l
}

func (l library) load(ctx context.Context, compressed []byte) (wazero.CompiledModule, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	code, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, l.runtime); err != nil {
		return nil, err
	}
	_, err = l.runtime.NewHostModuleBuilder("host").
		NewFunctionBuilder().WithFunc(hostRead).Export("read").
		NewFunctionBuilder().WithFunc(hostRows).Export("rows").
		NewFunctionBuilder().WithFunc(hostFail).Export("fail").
		Instantiate(ctx)
	if err != nil {
		return nil, err
	}
	return l.runtime.CompileModule(ctx, code)
}

// instance is a module with its own memory. One goroutine uses it.
type instance struct {
	ctx    context.Context // with the instance in it, for the host's functions
	format Format
	module api.Module
	memory *memory
	file   io.ReaderAt
	rows   func(y int, pixels []byte)
	stride int    // bytes of a row
	reason string // why the library gave up
	fault  error  // of file
}

type instanceKey struct{}

// newInstance makes a module with so much memory at first and at most.
func newInstance(ctx context.Context, format Format, first, limit int64) (*instance, error) {
	l := libraryOf(format)
	if l.err != nil {
		return nil, fmt.Errorf("load the decoders: %w", l.err)
	}
	i := &instance{format: format, memory: &memory{first: uint64(first), limit: uint64(limit)}}
	i.ctx = context.WithValue(ctx, instanceKey{}, i)
	allocate := experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory { return i.memory })
	module, err := l.runtime.InstantiateModule(experimental.WithMemoryAllocator(i.ctx, allocate), l.code,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, i.explain(err)
	}
	i.module = module
	return i, nil
}

func (i *instance) close() { _ = i.module.Close(context.Background()) }

// call calls an exported function; its result is 0 if it has none.
func (i *instance) call(name string, args ...uint64) (uint64, error) {
	results, err := i.module.ExportedFunction(name).Call(i.ctx, args...)
	if err != nil {
		return 0, i.explain(err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// explain says why a call ended. Traps are all alike; what the library said or met is known better.
func (i *instance) explain(err error) error {
	switch {
	case i.ctx.Err() != nil:
		return i.ctx.Err()
	case i.fault != nil:
		return i.fault
	case i.memory.refused:
		return ErrMemory
	case i.reason != "":
		return Refusal(i.reason)
	}
	_ = err // a trap's place in the machine code tells nobody anything
	return Refusal("it is cut or damaged")
}

// memory is what a module works in. Where first is the limit, growing copies nothing, and the system
// gives the room page by page as it is used.
type memory struct {
	first, limit uint64
	room         []byte
	refused      bool
}

// Reallocate is called to grow.
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.limit && m.room != nil {
		m.refused = true
		return nil
	}
	if size > uint64(len(m.room)) {
		room := make([]byte, max(size, m.first, min(2*uint64(len(m.room)), m.limit)))
		copy(room, m.room)
		m.room = room
	}
	return m.room[:size:size]
}

// Free is called at the end.
func (m *memory) Free() { m.room = nil }

// live is the instance that calls the host, unless ctx has ended: then the call ends, with its error.
// wazero would look at ctx in every loop, which makes it five times as slow.
func live(ctx context.Context) *instance {
	if err := ctx.Err(); err != nil {
		panic(err)
	}
	return ctx.Value(instanceKey{}).(*instance)
}

func hostRead(ctx context.Context, m api.Module, offset int64, to uint32, size int32) int32 {
	i := live(ctx)
	if size <= 0 || offset < 0 {
		return 0
	}
	p, ok := m.Memory().Read(to, uint32(size))
	if !ok {
		return 0
	}
	n, err := i.file.ReadAt(p, offset)
	if err != nil && err != io.EOF {
		i.fault = err
		return 0
	}
	return int32(n)
}

func hostRows(ctx context.Context, m api.Module, from uint32, y, count int32) {
	i := live(ctx)
	p, ok := m.Memory().Read(from, uint32(i.stride)*uint32(count))
	if ok && count > 0 {
		i.rows(int(y), p)
	}
}

func hostFail(ctx context.Context, m api.Module, text uint32, size int32) {
	i := ctx.Value(instanceKey{}).(*instance)
	if p, ok := m.Memory().Read(text, uint32(size)); ok {
		i.reason = string(p)
	}
}
