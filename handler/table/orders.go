package table

import (
	"bufio"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// orderWriter makes the orders of a shop: a table whose columns have different types and
// shapes, with nulls, and text that needs quotes.
type orderWriter struct {
	random *rand.Rand
	at     time.Time
	line   []byte
}

const orderHeader = "ordered_at,amount,quantity,discount,product,country,rating,returned,customer,note\n"

var (
	orderProducts = []string{"lamp", "chair", "desk", "shelf", "rug", "clock", "mirror", "vase", "bench", "stool", "frame", "basket"}
	// orderCountries come with the share of orders up to them.
	orderCountries = []struct {
		name string
		upTo float64
	}{{"DE", 0.34}, {"FR", 0.55}, {"GB", 0.7}, {"ES", 0.8}, {"IT", 0.88}, {"NL", 0.94}, {"SE", 0.98}, {"IS", 1}}
	orderNotes = []string{"gift", `"leave at the door, please"`, `"says ""call first"""`, `"two lines:` + "\n" + `ring twice"`, "fragile"}
)

// writeOrders writes a header and that many rows. The same seed gives the same rows.
func writeOrders(w io.Writer, rows int64, seed uint64) error {
	const stream = 0x9E3779B97F4A7C15 // a second word for the generator, the same always
	s := orderWriter{random: rand.New(rand.NewPCG(seed, stream)), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	b := bufio.NewWriterSize(w, 256<<10)
	if _, err := b.WriteString(orderHeader); err != nil {
		return err
	}
	for range rows {
		if _, err := b.Write(s.row()); err != nil {
			return err
		}
	}
	return b.Flush()
}

// row makes one order.
func (s *orderWriter) row() []byte {
	r := s.random
	s.at = s.at.Add(time.Duration(r.ExpFloat64() * float64(30*time.Second)))
	b := s.at.AppendFormat(s.line[:0], "2006-01-02T15:04:05Z")
	quantity := 1 + int64(math.Min(r.ExpFloat64()*1.5, 40))
	price := math.Exp(3 + 0.9*r.NormFloat64()) // log-normal: many small, few large
	b = strconv.AppendFloat(append(b, ','), price*float64(quantity), 'f', 2, 64)
	b = strconv.AppendInt(append(b, ','), quantity, 10)
	b = append(b, ',')
	if r.Float64() < 0.3 { // most orders have no discount
		b = strconv.AppendFloat(b, float64(1+r.IntN(8))*0.05, 'f', 2, 64)
	}
	// Products of a low number sell best.
	b = append(append(b, ','), orderProducts[int(float64(len(orderProducts))*r.Float64()*r.Float64())]...)
	b = append(append(b, ','), s.country()...)
	b = append(b, ',')
	switch u := r.Float64(); {
	case u < 0.4:
		b = append(b, "NA"...)
	default:
		b = strconv.AppendInt(b, int64(min(max(math.Round(4+r.NormFloat64()), 1), 5)), 10)
	}
	b = strconv.AppendBool(append(b, ','), r.Float64() < 0.04)
	b = append(b, ",customer-"...)
	b = strconv.AppendInt(b, int64(math.Exp(r.Float64()*13)), 10) // some order often
	b = append(b, ',')
	if r.Float64() < 0.1 {
		b = append(b, orderNotes[r.IntN(len(orderNotes))]...)
	}
	s.line = append(b, '\n')
	return s.line
}

func (s *orderWriter) country() string {
	u := s.random.Float64()
	for _, c := range orderCountries {
		if u < c.upTo {
			return c.name
		}
	}
	return orderCountries[len(orderCountries)-1].name
}
